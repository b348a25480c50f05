"""Parts of the consistency check: what to try, in which order, and how to say that nothing fits.

`consistency` puts them together; the law itself is `law`'s and `roles`'s.
"""
