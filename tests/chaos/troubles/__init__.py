"""The kinds of trouble, each with the rate at which it comes and, where it lasts, how it is ended."""
