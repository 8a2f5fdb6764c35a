"""The platform measured beside other designs: the same data, the same machine, in turns."""
