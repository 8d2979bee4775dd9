"""`ralph init`: finds a repo's checks, tries each where a run would, and writes the `ralph.toml` that this bears out.

Detection says what may work; the trial says what does, and what each failure lacks. Nothing of the user's checkout is
changed but `ralph.toml`; what reaches further than a sandboxed command asks first.
"""
