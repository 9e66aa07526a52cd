"""What several pages use; a browser component's .py, .js, .css and .html lie side by side."""
