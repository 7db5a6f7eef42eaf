"""Finding the images of a pool that are most like others, for pools of any size."""
