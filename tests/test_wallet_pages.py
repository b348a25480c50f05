"""The wallets of docs/wallets.md are right, as they are printed there."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from command_line import SECONDS_MAX, environment, simulate

PAGE = (Path(__file__).parent.parent / "docs/wallets.md").read_text("utf-8")

JUDGED = ("contract", "idempotency", "refunds", "ordering")
"""What shows nearly every mistake in seconds; the whole suite was run when the page was written."""

MIGRATED = (
    "import django; django.setup(); from django.core.management import call_command as call; "
    "call('migrate', run_syncdb=True, verbosity=0); "
    "from wallet.models import Player; Player.objects.create(id='1000', balance=100000)"
)


LARAVEL = Path("/usr/share/php/Illuminate")
"""Where Debian has Laravel, version 8, without a project of its own."""

AROUND_THE_CONTROLLER = r"""<?php
require_once 'Illuminate/autoload.php';
require_once 'Illuminate/Foundation/helpers.php';
use Illuminate\Container\Container;
use Illuminate\Http\{JsonResponse, Request};
error_reporting(E_ALL & ~E_DEPRECATED);
$database = new Illuminate\Database\Capsule\Manager;
$database->addConnection(['driver' => 'sqlite', 'database' => __DIR__ . '/wallet.sqlite']);
$app = Container::getInstance();
$app->instance('db', $database->getDatabaseManager());
$app->bind(Illuminate\Contracts\Routing\ResponseFactory::class, fn () => new class {
    public function json($body, $status = 200) { return new JsonResponse($body, $status); }
});
Illuminate\Support\Facades\Facade::setFacadeApplication($app);
eval('namespace App\Http\Controllers; class Controller extends \Illuminate\Routing\Controller {}');
require __DIR__ . '/app/Http/Controllers/WalletController.php';
(new App\Http\Controllers\WalletController)(Request::capture())->send();
"""
"""What a project does around its controller, as far as the controller needs it."""

DATABASE = """
$db = new PDO('sqlite:wallet.sqlite');
foreach (explode(';', file_get_contents('schema.sql')) as $each) { trim($each) && $db->exec($each); }
$db->exec("INSERT INTO player VALUES ('1000', 100000)");
"""


def write_laravel(folder: Path) -> None:
    """Write the controller of the page, the table of the page, and what is around them."""
    php = re.search(r"```php\n(<\?php.*?)```", PAGE.partition("\n## Laravel\n")[2], re.DOTALL)
    sql = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert php is not None
    assert sql is not None
    controllers = folder / "app/Http/Controllers"
    controllers.mkdir(parents=True)
    (controllers / "WalletController.php").write_text(php[1], "utf-8")
    (folder / "schema.sql").write_text(sql[1], "utf-8")
    (folder / "index.php").write_text(AROUND_THE_CONTROLLER, "utf-8")


def write_listings(folder: Path, section: str) -> None:
    """Write the files of a section, which are called as their first line says."""
    text = PAGE.partition(f"\n{section}\n")[2]
    text = re.split(r"^##+ ", text, maxsplit=1, flags=re.MULTILINE)[0]
    files = re.findall(r"```(?:python|js)\n(?:#|//) ([\w/.]+)(.*?)```", text, re.DOTALL)
    assert files
    for name, code in files:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# {name}{code}" if name.endswith(".py") else f"// {name}{code}", "utf-8")


def node() -> str:
    """The program, where it has the database that the page uses."""
    found = shutil.which("node")
    if (
        found is None
        or subprocess.run([found, "-e", "require('node:sqlite')"], capture_output=True).returncode
    ):
        pytest.skip("there is no node with node:sqlite, which 22.13 has")
    return found


def commands(section: str, port: int) -> list[Sequence[str]]:
    """What prepares the wallet of a section, and last what starts it."""
    match section:
        case "### FastAPI":
            return [[sys.executable, "-m", "uvicorn", "wallet:app", "--port", str(port)]]
        case "### Django":
            serve = [sys.executable, "-m", "django", "runserver", str(port), "--noreload"]
            return [[sys.executable, "-c", MIGRATED], serve]
        case "## Laravel":
            if shutil.which("php") is None or not LARAVEL.is_dir():
                pytest.skip(f"there is no PHP with Laravel in {LARAVEL}")
            return [["php", "-r", DATABASE], ["php", "-S", f"127.0.0.1:{port}", "index.php"]]
        case _:
            return [[node(), "wallet.mjs", str(port)]]


@pytest.mark.campaign
@pytest.mark.parametrize("section", ["### FastAPI", "### Django", "## Node", "## Laravel"])
def test_a_wallet_of_the_page_is_right(tmp_path: Path, section: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    *prepared, started = commands(section, port)
    if section == "## Laravel":
        write_laravel(tmp_path)
    else:
        write_listings(tmp_path, section)
    variables = environment(DJANGO_SETTINGS_MODULE="project", PYTHONPATH=str(tmp_path))
    for each in prepared:
        subprocess.run(each, cwd=tmp_path, env=variables, check=True, timeout=SECONDS_MAX)
    with (tmp_path / "log").open("w") as log:
        wallet = subprocess.Popen(started, cwd=tmp_path, env=variables, stdout=log, stderr=log)
    try:
        done = simulate(
            *("run", *(f"bundled:{each}" for each in JUDGED), "--endpoint"),
            *(
                f"http://127.0.0.1:{port}/betrontech_api",
                "--player",
                "1000",
                "--wait-for",
                "30s",
                "--timeout",
                "30s",
            ),
            folder=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "log").read_text()
    finally:
        wallet.terminate()
        wallet.wait(SECONDS_MAX)
