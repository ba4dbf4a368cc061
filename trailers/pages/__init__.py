"""Pages of the fleet, one file a part: doors that parse, call one service or selector, and present."""
