"""Text for a terminal: the rows of a line, and Markdown that arrives in pieces. No I/O."""
