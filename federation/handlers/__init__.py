"""What each activity of others does here: one file for each, and the same action that a page would call."""
