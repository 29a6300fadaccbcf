"""Cinder backend of the lab: volumes are files, and encrypted ones are really encrypted.

Cinder's own NFS driver writes an encrypted volume as qcow2 with a LUKS layer, by qemu-img and with the key from Barbican.
Here it does so in a folder of the lab instead of on a mounted share. To fill an encrypted volume from an image it would
attach it through the kernel's device mapper, which a lab's host need not have: qemu-img encrypts that too.
"""

import binascii
import functools
import os
import tempfile

from castellan import key_manager
from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import units

from cinder.image import image_utils
from cinder import interface
from cinder.volume.drivers import nfs
from cinder.volume import volume_utils

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# qemu-img times the key derivation, and gives up when it measures no processor time at all: about once in six, and more
# often when the machine is busy.
ATTEMPTS = 10
UNLUCKY = 'Unable to get accurate CPU usage'

# Milliseconds that unlocking a volume's key is made to cost. The keys are random, so that stretching them protects nothing.
ITER_TIME = 'encrypt.iter-time=10'


def retrying(execute):
    """Make execute run qemu-img again while it is unlucky, and without needless key stretching."""

    @functools.wraps(execute)
    def run(*cmd, **kwargs):
        if cmd[:1] != ('qemu-img',):
            return execute(*cmd, **kwargs)
        cmd = [arg + ',' + ITER_TIME if 'encrypt.format=luks' in arg and 'encrypt.cipher-alg' in arg else arg
               for arg in cmd]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return execute(*cmd, **kwargs)
            except processutils.ProcessExecutionError as error:
                if attempt == ATTEMPTS or UNLUCKY not in (error.stderr or ''):
                    raise
                LOG.info('qemu-img measured no processor time, attempt %d of %d', attempt, ATTEMPTS)

    return run


@interface.volumedriver
class FileDriver(nfs.NfsDriver):

    VERSION = '1.0.0'
    CI_WIKI_NAME = 'none'

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._execute = retrying(self._execute)

    def do_setup(self, context):
        # Not NfsDriver's own, which looks for mount.nfs.
        super(nfs.NfsDriver, self).do_setup(context)
        self.shares = {}
        self.set_nas_security_options(self._is_voldb_empty_at_startup)

    def _ensure_share_mounted(self, share):
        os.makedirs(self._get_mount_point_for_share(share), exist_ok=True)

    def copy_image_to_encrypted_volume(self, context, volume, image_service, image_id):
        encryption = volume_utils.check_encryption_provider(volume, context)
        cipher = image_utils.decode_cipher(encryption['cipher'], encryption['key_size'])
        key = key_manager.API(CONF).get(context, encryption['encryption_key_id'])
        passphrase = binascii.hexlify(key.get_encoded()).decode()
        path = self.local_path(volume)
        folder = volume_utils.image_conversion_dir()
        with tempfile.NamedTemporaryFile(dir=folder) as secret, tempfile.NamedTemporaryFile(dir=folder) as raw:
            secret.write(passphrase.encode())
            secret.flush()
            image_utils.fetch_to_raw(context, image_service, image_id, raw.name,
                                     self.configuration.volume_dd_blocksize,
                                     size=volume.size, run_as_root=False)
            os.truncate(raw.name, volume.size * units.Gi)
            self._execute('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2',
                          '--object', 'secret,id=sec1,format=raw,file=' + secret.name,
                          '-o', 'encrypt.format=luks,encrypt.key-secret=sec1,'
                          'encrypt.cipher-alg=%(cipher_alg)s,encrypt.cipher-mode=%(cipher_mode)s,'
                          'encrypt.ivgen-alg=%(ivgen_alg)s' % cipher,
                          raw.name, path, run_as_root=self._execute_as_root)
        self._set_rw_permissions(path)
