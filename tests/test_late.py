"""What stands in for a module until it is needed."""

import subprocess
import sys

IS_REAL = "is_real = lambda name: type(sys.modules[name]).__name__ == 'module'"


def ran(*code: str) -> str:
    program = "\n".join(["import sys", "from livecli.late import LATE, load_late", IS_REAL, *code])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_a_stand_in_gives_way_to_the_module():
    assert (
        ran(
            "load_late()",
            "import urllib.request",
            "print('http.client' not in sys.modules)",
            "import threading",
            "got = []",
            "ask = lambda: got.append(urllib.request.HTTPHandler)",
            "threads = [threading.Thread(target=ask) for _ in range(200)]",
            "[thread.start() for thread in threads], [thread.join() for thread in threads]",
            "print(sum(each is urllib.request.HTTPHandler for each in got))",
            "print(is_real('urllib.request'))",
        )
        == "True\n200\nTrue\n"
    )


def test_who_imports_a_name_or_a_part_of_it_gets_the_modules_own():
    assert (
        ran(
            "load_late()",
            "from urllib.request import getproxies",
            "import importlib.metadata._meta",
            "import importlib.metadata as metadata",
            "kept = metadata.version('websockets')",
            "print(callable(getproxies), bool(kept), is_real('urllib.request') and is_real('importlib.metadata'))",
        )
        == "True True True\n"
    )


def test_what_a_handshake_wants_is_there_at_once():
    code = ["load_late()", "import secrets", "print(len(secrets.token_bytes(16)), is_real('secrets'))"]
    more = ["print(secrets.compare_digest('a', 'a'), is_real('secrets'))"]
    assert ran(*code, *more) == "16 False\nTrue True\n"


def test_a_function_may_be_taken_long_before_it_is_called():
    code = ["load_late()", "from difflib import get_close_matches as near", "print(is_real('difflib'))"]
    assert ran(*code, "print(near('sned', ['send', 'chat']), is_real('difflib'))") == "False\n['send'] True\n"


def test_a_module_that_is_there_is_left_alone():
    assert ran("import urllib.request", "load_late()", "print(is_real('urllib.request'))") == "True\n"


def test_only_a_program_does_so_and_not_whoever_imports_livecli():
    names = "[name for name in LATE if name in sys.modules and not is_real(name)]"
    assert ran("import livecli", "livecli.connect, livecli.send", f"print({names})") == "[]\n"
