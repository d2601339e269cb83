# Run without site: prints the module that is missing to make virtualenvs, or nothing.
# pip comes from ensurepip, or from virtualenv, which is only looked for on disk.
import importlib.util
import os
import sys

if importlib.util.find_spec("venv") is None:
    print("venv")
elif importlib.util.find_spec("ensurepip") is None:
    home = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    lib = os.path.join("lib", "python%d.%d" % sys.version_info[:2], "site-packages")
    places = [os.path.join(home, lib), os.path.join(home, "local", lib), os.path.join(home, "lib", "python3", "dist-packages")]
    if not any(os.path.isdir(os.path.join(place, "virtualenv")) for place in places):
        print("ensurepip")
