from pathlib import Path
def sub(path, *pairs):
    text = Path(path).read_text()
    for old, new in pairs:
        assert text.count(old) == 1, (path, text.count(old), old)
        text = text.replace(old, new)
    Path(path).write_text(text)
