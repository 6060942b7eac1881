"""Recorded sessions: the file format `.live`, its reader and its writer, and the removal of secrets from frames.

with DiskThread(warn=print) as disk:
    recorder = Recorder(LiveFile(path, disk), Redactor(secrets))
    recorder.begin(Header(platform="vertex", model="gemini-3.8-live"), at=0.0)
    recorder.frame(Direction.CLIENT, b'{"setup": {}}', at=0.1)
    recorder.close(1000, "", By.CLIENT, at=0.5)
    recorder.end()

for connection in read_recording("run.har").connections:
    for frame in connection.frames:
        print(frame.at, frame.direction, frame.data)

`conversion.read_recording` reads every format, and `format.read_live` livecli's own.
"""
