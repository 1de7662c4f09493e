"""Every way to run the same code. See README.md in this folder."""
