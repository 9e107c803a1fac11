import { parseAll, type Manifest } from './kustomize.ts';
import type { Overlay } from './overlay.ts';

/** One object of the manifests with a mistake in it, and what the server must say of it. */
export interface Seed {
  mistake: string;
  manifest: Manifest;
  says: RegExp;
}

interface Mistake {
  mistake: string;
  in: [kind: string, name: string];
  makes: (text: string) => string;
  says: RegExp;
}

const replaced = (from: string | RegExp, to: string) => (text: string) => text.replace(from, to);

const mistakes: readonly Mistake[] = [
  {
    mistake: 'a misspelt field',
    in: ['Deployment', 'orders'],
    makes: replaced('"readinessProbe"', '"readynessProbe"'),
    says: /readynessProbe/,
  },
  {
    mistake: 'a wrong type',
    in: ['Deployment', 'auth'],
    makes: replaced('"maxSkew":1', '"maxSkew":"one"'),
    says: /maxSkew|int/,
  },
  {
    mistake: 'a container that runs as root',
    in: ['Deployment', 'catalog'],
    makes: replaced('"runAsUser":10001', '"runAsUser":0'),
    says: /runAsUser=0|runAsNonRoot/,
  },
  {
    mistake: 'a container that may gain rights',
    in: ['Deployment', 'payments'],
    makes: replaced('"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true'),
    says: /allowPrivilegeEscalation/,
  },
  {
    mistake: 'a pod without seccomp',
    in: ['Deployment', 'gateway'],
    makes: replaced(/,"seccompProfile":\{[^}]*\}/, ''),
    says: /seccompProfile/,
  },
  {
    mistake: 'a selector that its own pods do not have',
    in: ['Deployment', 'notifications'],
    makes: replaced(
      '"matchLabels":{"app.kubernetes.io/name":"notifications"}',
      '"matchLabels":{"app":"notifications"}',
    ),
    says: /selector/,
  },
  {
    mistake: 'a port that there cannot be',
    in: ['NetworkPolicy', 'orders'],
    makes: replaced('"port":3003', '"port":300300'),
    says: /65535/,
  },
  {
    mistake: 'two ways to say how many may be disrupted',
    in: ['PodDisruptionBudget', 'orders'],
    makes: replaced('"maxUnavailable":1', '"maxUnavailable":1,"minAvailable":1'),
    says: /mutually exclusive|minAvailable/,
  },
  {
    mistake: 'a restart policy that Jobs do not have',
    in: ['Job', 'orders-expand'],
    makes: replaced('"restartPolicy":"Never"', '"restartPolicy":"Always"'),
    says: /restartPolicy/,
  },
  {
    mistake: 'a version that is not served',
    in: ['VirtualService', 'orders'],
    makes: replaced('networking.istio.io/v1', 'networking.istio.io/v9'),
    says: /no kind VirtualService/,
  },
  {
    mistake: 'a word that a mesh does not know',
    in: ['PeerAuthentication', 'strict'],
    makes: replaced('STRICT', 'STRICTLY'),
    says: /STRICTLY|mode/,
  },
  {
    mistake: 'a misspelt field of a custom resource',
    in: ['ScaledObject', 'orders'],
    makes: replaced('"maxReplicaCount"', '"maxReplicas"'),
    says: /maxReplicas/,
  },
  {
    mistake: 'a topic with half a partition',
    in: ['KafkaTopic', 'orders.events'],
    makes: replaced('"partitions":12', '"partitions":0.5'),
    says: /partitions/,
  },
  {
    mistake: 'a database with a word for a number',
    in: ['Cluster', 'orders-db'],
    makes: replaced('"instances":3', '"instances":"three"'),
    says: /instances/,
  },
  {
    mistake: 'a certificate that nobody issues',
    in: ['Certificate', 'shop-edge'],
    makes: replaced('"issuerRef"', '"issuer"'),
    says: /issuer/,
  },
  {
    mistake: 'an alarm without an expression',
    in: ['PrometheusRule', 'shop'],
    makes: replaced('"expr"', '"query"'),
    says: /expr|query/,
  },
  {
    mistake: 'a right that Kafka does not have',
    in: ['KafkaUser', 'orders'],
    makes: replaced('"Write"', '"Scribble"'),
    says: /Scribble|operations/,
  },
];

/** Each mistake made in an object that is in the overlay; throws when it changes nothing. */
export function seeds(overlay: Overlay): Seed[] {
  return mistakes.map(({ mistake, in: [kind, name], makes, says }) => {
    const sound = JSON.stringify(overlay.get(kind, name));
    const broken = makes(sound);
    if (broken === sound) throw new Error(`${mistake}: there is nothing in ${kind} ${name} to break`);
    return { mistake, manifest: parseAll(broken)[0]!, says };
  });
}
