"""Draws the documents of samples/, and writes down beside the tests what they say."""
