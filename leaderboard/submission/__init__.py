"""Submissions: packed into a folder, examined as a stranger's, and rerun."""
