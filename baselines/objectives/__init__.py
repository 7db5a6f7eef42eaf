"""Objectives: the loss on a batch of views, a file each."""
