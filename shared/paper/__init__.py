"""Letters on paper: `sizes.py` knows sheets and envelopes, `typesetting.py` turns a template and its data into PDF."""
