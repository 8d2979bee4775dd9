"""The morning report: what runs did since the evening, what needs a person first, what it cost, what is next.

`gather` reads it, `told` puts it into words once, and terminal, Markdown and HTML are three ways to lay those words out.
"""
