"""Ways out to people, one module a channel behind one small port; `registry.CHANNELS` names them all."""
