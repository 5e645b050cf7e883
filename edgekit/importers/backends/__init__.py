"""The pinned requirements of the backends that live in environments of their own: one text file each."""
