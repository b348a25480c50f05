"""Judge calls: `replies` and `reading` say what a reply means, `referee` whether its balance is right."""
