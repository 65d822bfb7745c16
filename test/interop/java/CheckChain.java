import java.io.FileInputStream;
import java.io.InputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * How a Java client checks a peer: the chain up to the root, and the revocation of each certificate, by OCSP or by the CRL
 * that it names. Arguments: ocsp or crl, "leaf" or "chain", the root, then certificate files. Prints a line for each.
 */
public class CheckChain {
  public static void main(String[] arguments) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    X509Certificate root = read(factory, arguments[2]).get(0);
    for (int i = 3; i < arguments.length; i++) {
      CertPathValidator validator = CertPathValidator.getInstance("PKIX");
      PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
      EnumSet<PKIXRevocationChecker.Option> options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK);
      if (arguments[0].equals("crl")) options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
      if (arguments[1].equals("leaf")) options.add(PKIXRevocationChecker.Option.ONLY_END_ENTITY);
      checker.setOptions(options);
      PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
      parameters.addCertPathChecker(checker);
      System.out.println(outcome(validator, factory, parameters, read(factory, arguments[i])));
    }
  }

  private static List<X509Certificate> read(CertificateFactory factory, String file) throws Exception {
    List<X509Certificate> found = new ArrayList<>();
    try (InputStream stream = new FileInputStream(file)) {
      for (java.security.cert.Certificate one : factory.generateCertificates(stream)) found.add((X509Certificate) one);
    }
    return found;
  }

  private static String outcome(
      CertPathValidator validator, CertificateFactory factory, PKIXParameters parameters, List<X509Certificate> chain)
      throws Exception {
    try {
      validator.validate(factory.generateCertPath(chain), parameters);
      return "good";
    } catch (CertPathValidatorException refusal) {
      if (refusal.getCause() instanceof CertificateRevokedException revoked) {
        return "revoked " + revoked.getRevocationReason();
      }
      return "refused: " + refusal.getMessage();
    }
  }
}
