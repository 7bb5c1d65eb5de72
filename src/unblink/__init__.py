"""unblink."""
