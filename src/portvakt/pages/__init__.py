"""What a browser is shown: view models, templates, texts in Bokmål and English, two stylesheets, one script.

A route makes a view, `portvakt.pages.render.render` makes the reply. No page needs JavaScript, and none asks another
host for anything. The only I/O is to read its own files.
"""
