"""What Tuoqi measures about itself: ratios to the limit and to the naive way, in one run on one machine."""
