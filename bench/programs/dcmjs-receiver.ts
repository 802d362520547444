/**
 * A receiver as dcmjs-dimse's README shows one, that writes what it gets: the
 * other DIMSE of Node, beside which `receive` measures ditag's.
 *
 *   node dcmjs-receiver.ts PORT FOLDER
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import dcmjsDimse from 'dcmjs-dimse';

const { constants, responses, Scp, Server } = dcmjsDimse;
const [port, folder] = process.argv.slice(2) as [string, string];
let count = 0;

class Receiver extends Scp {
  override associationRequested(association: InstanceType<typeof dcmjsDimse.association.Association>): void {
    association.setMaxPduLength(131_072);
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      const [transferSyntax] = context.getTransferSyntaxUids();
      context.setResult(constants.PresentationContextResult.Accept, transferSyntax);
    }
    this.sendAssociationAccept();
  }

  override cStoreRequest(
    request: InstanceType<typeof dcmjsDimse.requests.CStoreRequest>,
    answer: (response: InstanceType<typeof responses.CStoreResponse>) => void,
  ): void {
    request.getDataset()!.toFile(join(folder, `${count++}.dcm`), (error) => {
      const response = responses.CStoreResponse.fromRequest(request);
      response.setStatus(error === undefined ? constants.Status.Success : constants.Status.ProcessingFailure);
      answer(response);
    });
  }

  override associationReleaseRequested(): void {
    this.sendAssociationReleaseResponse();
  }
}

// It tells of each private element that it drops. The one that dcmjs-dimse has loaded is to be silent.
const dcmjs = createRequire(import.meta.url)('dcmjs') as { log: { setLevel(level: string): void } };
dcmjs.log.setLevel('silent');
dcmjsDimse.log.setLevel('silent');
new Server(Receiver).listen(Number(port));
