"""`w4r`: the operators' desk in a terminal. It speaks to the same API as everybody's tools, over HTTP alone."""
