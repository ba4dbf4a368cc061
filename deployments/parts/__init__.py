"""Parts of acts that several services share: within the caller's transaction, under the caller's locks.

A service never calls another; what two of them do in the same way stands here.
"""
