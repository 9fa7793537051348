"""Pictures, one kind a file. All that knows matplotlib is here, and is loaded when a picture is drawn."""
