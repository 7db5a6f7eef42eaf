"""Where the images come from: pinned packages, verified, rendered, kept."""
