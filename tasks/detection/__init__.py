"""Detection: the only room that knows mmdet, and it imports mmdet only when a detector is built."""
