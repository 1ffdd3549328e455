"""Sheets: a batch's images side by side, with what they were drawn with."""
