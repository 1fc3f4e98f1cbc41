"""Nothing of ours unpickles, evaluates, builds a shell's line, trusts a template or looks for secrets."""

import ast
import re
from functools import cache

import pytest

from project import PROJECT

CODE = sorted(path for folder in ("workflow", "benchmarks") for path in (PROJECT / folder).rglob("*.py"))
RULES = [
    PROJECT / "Snakefile",
    PROJECT / "workflow" / "Snakefile",
    *sorted((PROJECT / "workflow" / "rules").glob("*.smk")),
]
FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "yaml.load",
             "subprocess.getstatusoutput", "yaml.unsafe_load", "yaml.full_load", "marshal.loads", "shelve.open",
             "tempfile.mktemp", "pandas.read_pickle", "pd.read_pickle", "pd.eval", "joblib.load"}  # fmt: skip
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "pexpect", "commands"}
RUNS = {"run", "Popen", "call", "check_call", "check_output"}
READS = {"os.environ.get", "os.getenv", "os.environ.__getitem__", "environ.get", "getenv"}
SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|AUTH|COOKIE", re.IGNORECASE)


def calls(tree):
    """Every call in a module, with what it calls as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


@cache
def module(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_module_runs_text_or_bytes_as_code(path):
    tree = module(path)
    for node, called in calls(tree):
        assert called not in FORBIDDEN, f"line {node.lineno}: {called}"
        if called.endswith(".load") and "torch" in called:
            assert "weights_only=True" in ast.unparse(node)
        if called in ("np.load", "numpy.load"):
            assert "allow_pickle=False" in ast.unparse(node)
        assert "trusted=True" not in ast.unparse(node), f"line {node.lineno}: skops must be given what it may load"
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    allowed = {"pickle"} if path.name == "safe_pickle.py" else set()  # whose tests try what it lets happen
    assert not imported & MODULES - allowed


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_program_is_started_by_a_list_and_without_a_shell(path):
    for node, called in calls(module(path)):
        first, _, last = called.rpartition(".")
        if first == "subprocess" and last in RUNS:
            arguments = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert arguments.get("shell", "False") == "False", f"line {node.lineno}"
            assert not isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp), f"line {node.lineno}"
        assert "shell=True" not in ast.unparse(node), f"line {node.lineno}"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_templates_of_pages_escape_what_they_are_given(path):
    for node, called in calls(module(path)):
        if called.endswith("Environment") and "jinja2" in called:
            arguments = {word.arg: ast.unparse(word.value) for word in node.keywords}
            plain = path.name == "captions.py"  # makes reStructuredText, whose own writer escapes it for the page
            assert arguments.get("autoescape") == "True" or plain, f"line {node.lineno}"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_secret_is_looked_for_in_the_environment_but_the_one_that_is_documented(path):
    for node, called in calls(module(path)):
        if called in READS and node.args:
            name = ast.unparse(node.args[0])
            assert not SECRET.search(name) or name == "'LIST_CREDENTIALS'" or "credentials" in path.name, name


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_builds_a_line_for_a_shell(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?m)^\s*(shell|run)\s*:", text)
    assert "subprocess" not in text and "os.system" not in text and "eval(" not in text
