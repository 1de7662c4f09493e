"""Short public posts: which networks there are, how they count, and the links that open their composers."""
