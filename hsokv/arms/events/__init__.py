"""Arms that live with labels which come, change and go: each event is learnt, changed or forgotten as it arrives."""
