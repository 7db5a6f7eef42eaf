"""Sets of image files at full scale: found on disk or on a hub, checked, listed, and decoded."""
