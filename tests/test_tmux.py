# SPDX-License-Identifier: GPL-3.0-or-later
"""The workbench in a real terminal: tmux runs it, types, and reads the screen.

Nothing sleeps and hopes: every step polls the screen until it shows what is
expected, and fails after LIMIT_S with the screen it saw.  The program is
$BANKAI, or build/bankai.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = os.path.abspath(os.environ.get("BANKAI", "build/bankai"))
POLL_S = 0.005
LIMIT_S = 20
PROMPT = "prompt-of-the-shell>"


class Terminal:
    """One tmux server with one window that runs a shell."""

    def __init__(self, columns=80, rows=24, environment=None):
        self.folder = tempfile.mkdtemp(prefix="bankai-tmux-")
        self.socket = os.path.join(self.folder, "tmux")
        kept = {name: os.environ[name] for name in os.environ
                if name in ("PATH", "LD_LIBRARY_PATH", "BANKAI_CPU") or name.endswith("_OPTIONS")}
        self.environment = {
            **kept, "HOME": self.folder, "LC_ALL": "C.UTF-8", "ENV": self.folder + "/shrc",
            "XDG_STATE_HOME": self.folder + "/state", "XDG_CACHE_HOME": self.folder + "/cache",
            "XDG_CONFIG_HOME": self.folder + "/config", **(environment or {}),
        }
        with open(self.environment["ENV"], "w", encoding="utf-8") as file:
            file.write(f"PS1='{PROMPT}'\n")
        config = os.path.join(self.folder, "tmux.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("set -g default-terminal tmux-256color\nset -g status off\n"
                       "set -s escape-time 0\n")
        self.tmux("-f", config, "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "-c", self.folder, "exec sh -i")
        self.wait(PROMPT)

    def tmux(self, *words):
        result = subprocess.run(["tmux", "-S", self.socket, *words], env=self.environment,
                                capture_output=True, text=True, timeout=30, check=False)
        if result.returncode != 0:
            raise AssertionError(f"tmux {words}: {result.stderr}")
        return result.stdout

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.environment,
                       capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- typing and looking ----

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def key(self, *names):
        self.tmux("send-keys", *names)

    def line(self, text):
        self.type(text)
        self.key("Enter")

    def screen(self, colours=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def wait(self, expected, limit_s=LIMIT_S):
        """Until the screen matches a regular expression, or a function says so."""
        if callable(expected):
            holds = expected
        else:
            pattern = re.compile(expected, re.MULTILINE)
            holds = pattern.search
        end = time.monotonic() + limit_s
        while True:
            screen = self.screen()
            found = holds(screen)
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"not seen within {limit_s} s: {expected}\n{screen.rstrip()}")
            time.sleep(POLL_S)

    def size(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def alternate(self):
        return self.tmux("display-message", "-p", "#{alternate_on}").strip() == "1"

    def pid_of_workbench(self):
        """The shell's only child; read from /proc, for a bare system has no ps."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(") ")[2].split()
            except OSError:  # ended meanwhile
                continue
            if fields[1] == shell:
                return int(stat.parent.name)
        raise AssertionError("the shell has no child")

    # ---- the workbench ----

    def open(self, *words):
        """The published search, with a seed whose first flips come early."""
        self.line(" ".join([PROGRAM, "open", "nano", "--method greedy --seed 6", *words]))
        self.wait("next candidates")
        self.wait(r"right \d+ → \d+") # answered by itself, soon after opening
        self.idle()

    def map_pane(self, screen=None):
        """The left half of the screen of 80 columns, above the readout."""
        return [row[:42] for row in (screen or self.screen()).splitlines()[:21]]

    def idle(self):
        self.wait(lambda screen: "▶" not in screen and "fitness" in screen)

    def counts(self):
        """Accepted and tried candidates."""
        found = self.wait(r"accepted (\d+)/(\d+)")
        return int(found[1]), int(found[2])

    def shell_is_back(self):
        self.wait(lambda screen: screen.rstrip().endswith(PROMPT.rstrip()))
        assert not self.alternate()


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class WorkbenchInTmux(unittest.TestCase):
    def start(self, columns=80, rows=24, environment=None):
        terminal = Terminal(columns, rows, environment)
        self.addCleanup(terminal.close)
        return terminal

    def patch_info(self, terminal, path):
        result = subprocess.run([PROGRAM, "patch", "info", path, "--json"],
                                env=terminal.environment, capture_output=True, text=True,
                                timeout=60, check=True)
        return json.loads(result.stdout)

    def step_until_accepted(self, terminal, limit=200):
        accepted, tried = terminal.counts()
        for _ in range(limit):
            terminal.key("s")
            terminal.wait(lambda screen, before=tried: self.tried(screen) > before)
            terminal.idle()
            now, tried = terminal.counts()
            if now > accepted:
                return now
        raise AssertionError(f"nothing was accepted in {limit} steps\n{terminal.screen()}")

    @staticmethod
    def tried(screen):
        found = re.search(r"accepted (\d+)/(\d+)", screen)
        return int(found[2]) if found else -1

    def test_search_to_patch(self):
        """Step until a flip is accepted, see a probe change, ask for a text, save, quit."""
        terminal = self.start()
        terminal.open()
        terminal.key("3")
        terminal.wait("Probes")
        before = terminal.screen()
        accepted = self.step_until_accepted(terminal)
        terminal.wait(lambda screen: self.gaps(screen) != self.gaps(before))

        terminal.key("4")
        terminal.key("i")
        terminal.wait("^text:")
        terminal.line("The derivative of")
        terminal.wait(lambda screen: "The derivative of" in screen and "▶" not in screen)

        path = os.path.join(terminal.folder, "saved.json")
        terminal.type(":")
        terminal.line("w " + path)
        terminal.wait("wrote")
        terminal.key("Q")
        terminal.wait(rf"{accepted} accepted flips?: \S+last\.json")
        terminal.shell_is_back()
        self.assertEqual(len(self.patch_info(terminal, path)["flips"]), accepted)

    def test_probe_detail(self):
        """Sets, order, and one probe token by token, at three sizes."""
        terminal = self.start()
        terminal.open()
        terminal.key("3")
        terminal.wait(r"\[targets")
        terminal.wait(r"#\w+ +\d+ +right")
        terminal.key("]")
        terminal.wait(r"\[controls")
        terminal.key("]")
        terminal.wait("held-out seen 0 times")
        self.assertNotIn("heldout", terminal.screen())
        terminal.key("]")
        terminal.key("o")
        terminal.wait("probes by name")
        terminal.key("Enter")
        terminal.wait(lambda screen: "log p" in screen and "(end)" in screen)
        terminal.key("i")
        terminal.wait(r"│\{\d+\}")
        for columns, rows in ((60, 16), (200, 60), (80, 24)):
            terminal.size(columns, rows)
            terminal.wait("expected")
        terminal.key("q")
        terminal.wait(r"\[targets")
        terminal.type(":")
        terminal.line("audit")
        terminal.wait(r"audit of \d+ probes: \d+ fatal")
        terminal.key("Q")
        terminal.shell_is_back()

    def write_patch(self, terminal, name, rows):
        path = os.path.join(terminal.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"format": "bankai_row_xor_v1", "name": name, "flips": [
                {"layer": 1, "proj": "gate_proj", "row": row} for row in rows]}, file)
        return path

    def test_two_patches(self):
        """Open two patches, switch by key and from the list, compare them."""
        terminal = self.start()
        one = self.write_patch(terminal, "one.json", [3, 4, 5])
        two = self.write_patch(terminal, "two.json", [5, 6])
        terminal.open()
        terminal.type(":")
        terminal.line("e " + one)
        terminal.wait(r"\[one\].*\n")
        terminal.wait("nano  3 flips")
        terminal.type(":")
        terminal.line("patch open " + two + " second")
        terminal.wait(r"\[second\]")
        terminal.wait("nano  2 flips")
        terminal.key("C-^")
        terminal.wait("one: 3 flips")
        terminal.idle()
        terminal.key("B")
        terminal.wait(r"◆ one +3 ")
        terminal.key("j", "Enter")
        terminal.wait("second: 2 flips")
        terminal.idle()
        terminal.type(":")
        terminal.line("diff one..second")
        terminal.wait("flips: 2 only in A, 1 only in B, 1 in both")
        terminal.key("q")
        terminal.wait("1 Map")
        terminal.key("Q")
        terminal.shell_is_back()

    @staticmethod
    def gaps(screen):
        return re.findall(r"[-+−]\d+\.\d\d", screen)

    def test_terminated(self):
        """SIGTERM gives the terminal back as it was."""
        terminal = self.start()
        terminal.line("stty -g > before")
        terminal.open()
        self.assertTrue(terminal.alternate())
        os.kill(terminal.pid_of_workbench(), signal.SIGTERM)
        terminal.shell_is_back()
        terminal.line("clear; stty -g | cmp - before && echo the same")
        terminal.wait("^the same")

    def test_crashed(self):
        """An abort gives the terminal back, and the session opens as it was shown."""
        terminal = self.start()
        terminal.open("-s", "crash.bankai")
        terminal.key("s", "s", "s", "s", "s")
        terminal.wait("accepted 1/5")
        terminal.idle()
        os.kill(terminal.pid_of_workbench(), signal.SIGABRT)
        terminal.wait(r"go on with: bankai open -s crash\.bankai")
        terminal.shell_is_back()
        terminal.line(f"clear; {PROGRAM} open -s crash.bankai")
        terminal.wait("accepted 1/5")
        terminal.idle()
        terminal.key("u")
        terminal.wait("accepted 0/5")
        terminal.key("C-r")
        terminal.wait("accepted 1/5")

    def test_suspended(self):
        """Ctrl-Z gives the shell back, fg draws the screen again."""
        terminal = self.start()
        terminal.open()
        before = terminal.map_pane() # the audit may still write into the other panes
        terminal.key("C-z")
        terminal.shell_is_back()
        terminal.line("fg")
        terminal.wait(lambda screen: terminal.map_pane(screen) == before)
        terminal.wait("^ L0 q_proj ")
        terminal.key("j")
        terminal.wait("^ L1 q_proj ")

    def test_resized(self):
        """Many sizes in a row end in the picture of the last one."""
        terminal = self.start(100, 30)
        terminal.open()
        for columns, rows in [(80, 24), (20, 5), (200, 60), (1, 1), (40, 10), (7, 50)] * 3:
            terminal.size(columns, rows)
        terminal.size(80, 24)
        terminal.wait(lambda screen: "fitness" in screen and "Probes" in screen)
        small = terminal.screen()
        terminal.key("C-l")
        terminal.wait(lambda screen: screen == small)
        terminal.key("Q")
        terminal.shell_is_back()

    def test_map_of_promises(self):
        """R ranks all flips, M colours by what was measured, b lists, :set searches on."""
        terminal = self.start(columns=100, rows=30)
        terminal.open()
        terminal.key("R")
        terminal.wait("rows ranked in")
        self.assertIn("Map: predicted gain", terminal.screen())
        terminal.key("E")
        terminal.wait("measure the best:")
        terminal.type("2")
        terminal.key("Enter")
        terminal.idle()
        terminal.key("M")
        terminal.wait("Map: measured gain")
        terminal.key("b")
        terminal.wait("rows, .* promise a gain")
        terminal.wait(lambda screen: screen.count("· tried") == 2)
        terminal.key("Enter")
        terminal.wait("#1/")
        terminal.line(":set method guided objective margin")
        terminal.wait("guided groups, margin")
        terminal.idle()
        terminal.key("s")
        terminal.wait(r"pred(icted)? [+-]0")
        terminal.key("Q")
        terminal.shell_is_back()

    def test_no_colours(self):
        """NO_COLOR: attributes, but no colour codes."""
        terminal = self.start(environment={"NO_COLOR": "1"})
        terminal.open()
        found = re.findall(r"\x1b\[([\d;]*)m", terminal.screen(colours=True))
        codes = {int(code) for codes in found for code in codes.split(";") if code}
        colours = set(range(30, 50)) | set(range(90, 108))
        defaults = {39, 49} # the terminal's own
        self.assertEqual(codes & colours - defaults, set())
        self.assertIn(7, codes, "nothing is reversed")

    def test_colours(self):
        terminal = self.start()
        terminal.open()
        self.assertRegex(terminal.screen(colours=True), r"\x1b\[[\d;]*38;5;\d+")

    def test_dumb_terminal(self):
        """TERM=dumb: one line, exit status 2."""
        terminal = self.start()
        terminal.line(f"clear; TERM=dumb {PROGRAM} open nano; echo status $?")
        terminal.wait("^status 2")
        said = [line for line in terminal.screen().splitlines() if line.startswith("bankai: ")]
        self.assertEqual(len(said), 1)

    def test_small_terminals(self):
        """Nothing is too small to start and to quit."""
        for columns, rows in [(40, 10), (20, 5), (4, 2)]:
            with self.subTest(columns=columns, rows=rows):
                terminal = self.start(80, 24)
                terminal.line(f"clear; {PROGRAM} open nano")
                terminal.wait("fitness")
                terminal.size(columns, rows)
                terminal.key("j", "Tab", "?", "Escape", "Q")
                terminal.size(80, 24)
                terminal.wait("no flip is accepted")

    # ---- sessions ----

    def test_shell_command(self):
        """:!CMD has the terminal to itself, waits for Enter, and is written down."""
        terminal = self.start()
        terminal.open("-s shell.bankai")
        before = terminal.screen().splitlines()[:20]
        terminal.line(":!echo out of the shell; exit 3")
        terminal.wait(r"^out of the shell\n\n\[exit status 3\] Enter")
        self.assertFalse(terminal.alternate())
        terminal.key("Enter")
        terminal.wait("exit status 3")
        terminal.idle()
        self.assertEqual(terminal.screen().splitlines()[:20], before)
        terminal.line(":!sleep 1000")
        terminal.wait(lambda screen: not terminal.alternate())
        terminal.key("C-c") # the command's, not ours
        terminal.wait(r"\[exit status 130\] Enter")
        terminal.key("Enter")
        terminal.wait("exit status 130")
        terminal.key("Q")
        terminal.shell_is_back()
        terminal.line(f"clear; {PROGRAM} session log shell.bankai | grep shell")
        terminal.wait(r"shell +echo out of the shell; exit 3\n.*shell +sleep 1000")

    def test_resume(self):
        """What was left is offered, and :resume shows it as it was."""
        terminal = self.start()
        terminal.open()
        terminal.line("S12")
        terminal.wait("tried, [1-9] accepted")
        terminal.line(":goto 3.gate.514")
        terminal.wait("row 514")
        terminal.idle()
        terminal.key("j")
        terminal.wait(r"row \d+ .*not")
        terminal.idle()
        before = terminal.wait(r"(?s)\A(.*)\n [^\n]+\n [^\n]+\n*\Z")[1]
        terminal.key("Q")
        terminal.shell_is_back()
        terminal.line(f"clear; {PROGRAM}")
        terminal.wait(r"last session: \d flips?, \d+ s ago - :resume goes on with it")
        terminal.line(":resume")
        terminal.wait(lambda screen: screen.startswith(before))

    def test_viewer_beside_a_writer(self):
        """A second bankai follows the first one, and changes nothing."""
        terminal = self.start()
        terminal.open("-s both.bankai")
        terminal.tmux("new-window", "-d", "-n", "viewer", "-c", terminal.folder,
                      f"{PROGRAM} -R both.bankai")

        def seen():
            return terminal.tmux("capture-pane", "-p", "-t", "viewer")
        terminal.wait(lambda screen: "read-only" in seen() and "accepted 0" in seen())
        terminal.line("S12")
        terminal.wait("tried, [1-9] accepted")
        accepted, tried = terminal.counts()
        terminal.wait(lambda screen: f"accepted {accepted}/{tried}" in seen())
        terminal.tmux("send-keys", "-t", "viewer", "u")
        terminal.wait(lambda screen: "undo is refused: the session is open for reading" in seen())
        self.assertEqual(terminal.counts(), (accepted, tried))
        terminal.line(":session name ./moved.bankai")
        terminal.wait("somebody looks at the session")
        terminal.tmux("send-keys", "-t", "viewer", "Q")
        terminal.wait(lambda screen: "viewer" not in terminal.tmux("list-windows"))
        terminal.line(":session name ./moved.bankai")
        terminal.wait("the session is ./moved.bankai now")
        self.assertFalse(os.path.exists(os.path.join(terminal.folder, "both.bankai")))


if __name__ == "__main__":
    unittest.main()
