"""Pages and their buttons: parse the request, call one service, render or redirect. One module per place."""
