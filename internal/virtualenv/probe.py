# Run by the interpreter that virtualenvs are made from; prints what Build needs
# to know about it as one JSON object.
import json
import os
import sys
import sysconfig


def seeds():
    """Wheels of pip (and setuptools, while Python's own venv brings it) that lie
    on this machine: StackStorm takes them from virtualenv, so that comes first."""
    names = ("pip", "setuptools", "wheel") if sys.version_info < (3, 12) else ("pip",)
    try:
        from virtualenv.seed.wheels.embed import get_embed_wheel
    except ImportError:
        pass
    else:
        found = [get_embed_wheel(name, "%d.%d" % sys.version_info[:2]) for name in names]
        paths = [str(wheel.path) for wheel in found if wheel is not None]
        if paths and all(os.path.isfile(path) for path in paths):
            return paths
    try:
        import ensurepip
    except ImportError:
        return []
    wheels = {}
    for folder in (os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), getattr(ensurepip, "_WHEEL_PKG_DIR", None)):
        if not folder or not os.path.isdir(folder):
            continue
        for name in os.listdir(folder):
            project, _, rest = name.partition("-")
            if name.endswith(".whl") and project in names:
                version = rest.split("-")[0]
                number = [int(part) for part in version.split(".") if part.isdigit()]
                wheels[project] = max(wheels.get(project, ([], "")), (number, os.path.join(folder, name)))
    return [wheels[project][1] for project in sorted(wheels)]


def st2_site():
    """The site-packages of the virtualenv that StackStorm itself runs in."""
    if sys.prefix == getattr(sys, "base_prefix", sys.prefix):
        return ""
    site = sysconfig.get_path("purelib")
    return site if os.path.isdir(os.path.join(site, "st2common")) else ""


json.dump(
    {
        "version": "%d.%d" % sys.version_info[:2],
        "base": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "st2_site": st2_site(),
        "seeds": seeds(),
    },
    sys.stdout,
)
