// What a service tells of its work: identifiers of scans and sends, AE titles, addresses, positions, counts and outcomes. Never
// a value of a data set, a UID of one, or a path: logs are read by others than those who may see patients.

export type LogDetails = Readonly<Record<string, unknown>>;

export interface Log {
  info(details: LogDetails, message: string): void;
  warn(details: LogDetails, message: string): void;
}
