"""Packages taco_plugin, with its configs and tools under ``.mim`` as MMDetection's are."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
START_UP_FILE = 'taco_plugin.pth'
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'taco_plugin/__init__.py').read_text())

# All that `predict.py --onnx` imports: README.md and docs/export.md have the same list.
RUNTIME = [
    *('jinja2', 'markupsafe', 'matplotlib', 'msgspec', 'numpy>=2', 'onnxruntime'),
    *('opencv-python', 'pillow', 'pycocotools', 'pyyaml', 'tqdm'),
]


class BuildWithConfigs(build_py):
    """Adds configs and tools to the package, and the file that Python reads when it starts."""

    def run(self) -> None:
        """Builds as setuptools does, then adds the files."""
        super().run()
        if self.editable_mode:  # configs and tools are used in place
            shutil.copy(ROOT / START_UP_FILE, self.get_finalized_command('install').install_lib)
            return
        shutil.copy(ROOT / START_UP_FILE, self.build_lib)
        for folder in ('configs', 'tools'):
            target = Path(self.build_lib, 'taco_plugin', '.mim', folder)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / folder, target, ignore=shutil.ignore_patterns('__pycache__'))


setup(
    name='taco_plugin',
    version=VERSION[1] if VERSION else None,
    description='Litter detection on TACO with MMDetection',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    packages=find_packages(include=['taco_plugin', 'taco_plugin.*']),
    package_data={
        'taco_plugin': ['*.jinja', '*.css'],
        'taco_plugin.taxonomies': ['*.csv'],
        'taco_plugin.apps.attention': ['*.jinja', '*.css', '*.js'],
        'taco_plugin.apps.compare': ['*.jinja', '*.css', '*.js'],
        'taco_plugin.apps.predict': ['*.jinja', '*.css', '*.js'],
    },
    cmdclass={'build_py': BuildWithConfigs},
    zip_safe=False,
    python_requires='>=3.11',
    # mmcv-lite is an extra: beside a compiled mmcv, each would corrupt the other. psutil, seaborn
    # and setuptools (pkg_resources) are imported by MMDetection and MMEngine, which do not say so.
    install_requires=[
        'adjusttext',
        'faster-coco-eval',
        'jinja2',
        'markupsafe',
        'matplotlib',
        'mmdet==3.3.0',
        'mmengine>=0.10.7,<0.11',
        'msgspec',
        'numpy>=2',
        'opencv-python',
        'pillow',
        'psutil',
        'pycocotools',
        'pyyaml',
        'scipy',
        'seaborn',
        'setuptools<81',
        'torch>=2.6',
        'torchvision>=0.21',
        'tqdm',
    ],
    extras_require={
        'lite': ['mmcv-lite==2.1.0'],
        'download': ['httpx', 'sniffio', 'tenacity'],
        # Later ones install opencv-python-headless, whose files are those of opencv-python.
        'explain': ['grad-cam<1.5.7'],
        'explore': ['imagehash'],
        'export': ['onnx', *RUNTIME, 'openvino'],
        'runtime': RUNTIME,
        'yolo': ['shapely'],
        'search': ['optuna>=5'],
        'dev': [
            'build',
            'hypothesis',
            'iterative-stratification',
            'mypy',
            'pytest',
            'pytest-xdist',
            'ruff',
            'sahi',
            'supervision',
            'tensorboard',
            'torchmetrics',
            'types-tqdm',
        ],
    },
)
