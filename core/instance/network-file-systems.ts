// Which file systems are behind a network, by the number that statfs(2) gives them. There a database has no shared memory,
// and a call may wait for as long as the server is away.

/** NFS, SMB, SMB 1, SMB 2, 9P, Lustre, GPFS, Ceph. */
const NETWORK_FILE_SYSTEMS = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x0bd00bd0, 0x47504653, 0x00c36400,
]);

/** @param type `f_type` of statfs(2) */
export function isNetworkFileSystem(type: number): boolean {
  return NETWORK_FILE_SYSTEMS.has(type);
}
