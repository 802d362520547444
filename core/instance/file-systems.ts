// What is known of file systems by the number that statfs(2) gives them.

/** NFS, SMB, SMB 1, SMB 2, 9P, Lustre, GPFS, Ceph. */
const NETWORK = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x0bd00bd0, 0x47504653, 0x00c36400]);
/** ext, XFS, Btrfs, ZFS, F2FS, tmpfs, and overlayfs, the own files of a container. */
const LOCAL = new Set([0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x01021994, 0x794c7630]);

/** Behind a network a database has no shared memory. @param type `f_type` of statfs(2) */
export function isNetworkFileSystem(type: number): boolean {
  return NETWORK.has(type);
}

/**
 * Is it surely one whose calls wait for a disk of this machine and for nothing else? Of others, those of FUSE among them,
 * nobody knows: a call may wait for as long as a server is away.
 * @param type `f_type` of statfs(2)
 */
export function isLocalFileSystem(type: number): boolean {
  return LOCAL.has(type);
}
