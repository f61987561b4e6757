"""Where clouds keep their metadata services, which give credentials to whoever asks from inside: each with its source.

Those at link-local addresses need no row, for none of these is visited: most of them are at 169.254.169.254, some at
fe80::a9fe:a9fe.
"""

from collections.abc import Mapping
from typing import Final

ADDRESSES: Final[Mapping[str, str]] = {
    "100.80.80.80/32": "UCloud: https://docs.ucloud.cn/uhost/guide/metadata/metadata-server",
    "100.96.0.96/32": "Volcano Engine: https://github.com/volcengine/cello, pkg/provider/volcengine",
    "100.100.100.200/32": (
        "Alibaba Cloud: https://cloudinit.readthedocs.io/en/latest/reference/datasources/aliyun.html"
    ),
    "168.63.129.16/32": "Azure: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    "192.0.0.192/32": (
        "Oracle Cloud at Customer: https://docs.oracle.com/en/cloud/cloud-at-customer/occ-get-started/"
        "retrieve-predefined-instance-metadata.html"
    ),
    "fd00:42::42/128": "Scaleway: https://cloudinit.readthedocs.io/en/latest/reference/datasources/scaleway.html",
    "fd00:100::100:200/128": (
        "Alibaba Cloud: https://github.com/canonical/cloud-init, cloudinit/sources/DataSourceAliYun.py"
    ),
    "fd00:a9fe:a9fe::1/128": "Akamai: https://cloudinit.readthedocs.io/en/latest/reference/datasources/akamai.html",
    "fd00:c1::a9fe:a9fe/128": (
        "Oracle Cloud: https://github.com/oracle/oci-python-sdk, "
        "auth/signers/instance_principals_security_token_signer.py"
    ),
    "fd00:ec2::/32": "AWS: https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html",
    "fd20:ce::254/128": "Google Cloud: https://cloud.google.com/compute/docs/metadata/querying-metadata",
}
"""By address or network: metadata services, and others of a cloud for its machines alone."""

NAMES: Final[Mapping[str, str]] = {
    "instance-data": "AWS: https://github.com/canonical/cloud-init, cloudinit/sources/DataSourceEc2.py",
    "instance-data.ec2.internal": "AWS: https://cloudinit.readthedocs.io/en/latest/reference/datasources/ec2.html",
    "metadata": "Google Cloud: https://cloud.google.com/compute/docs/internal-dns, whose search path completes it",
    "metadata.goog": "Google Cloud: https://cloud.google.com/compute/docs/metadata/querying-metadata",
    "metadata.google.internal": "Google Cloud: https://cloud.google.com/compute/docs/metadata/querying-metadata",
    "metadata.tencentyun.com": "Tencent Cloud: https://www.tencentcloud.com/document/product/213/4934",
}
"""Most of these names exist in their cloud alone, so that a proxy there knows them and we may not."""
