/** What one client connection did. */
export class ConnectionStats {
  readonly establishedWallMs: number
  receivedPackets = 0
  sentPackets = 0

  constructor(establishedWallMs: number) {
    this.establishedWallMs = establishedWallMs
  }

  received(): void {
    this.receivedPackets += 1
  }

  replied(_op: number, _xid: number, _zxid: number, _latencyMs: number, _nowMs: number): void {
    this.sentPackets += 1
  }

  notified(): void {
    this.sentPackets += 1
  }
}

/** What all client connections of a peer did. */
export class ServerStats {
  receivedPackets = 0
  sentPackets = 0

  received(): void {
    this.receivedPackets += 1
  }

  replied(_op: number, _xid: number, _zxid: number, _latencyMs: number, _nowMs: number): void {
    this.sentPackets += 1
  }

  notified(): void {
    this.sentPackets += 1
  }
}
