"""From files, standard input and the command line to prompt lines."""
