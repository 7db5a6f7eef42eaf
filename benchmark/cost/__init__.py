"""What a plan will cost, before it is spent: `headwater plan`, and the estimates of progress bars.

`Rates` tells the seconds of a cell from records and the shipped table; `predict` measures what
these do not tell, and adds up time, disk and downloads.
"""
