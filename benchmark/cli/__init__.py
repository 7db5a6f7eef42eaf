"""The command line: a file a verb, nothing heavy imported before a verb runs."""
